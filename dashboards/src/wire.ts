/** What travels between the API and the page: the shapes of `/api/v1` and of `/ws`. A view that grants less leaves keys out. */

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = number;
/** null: nobody said; undefined: this view does not show it. */
export type Figure = number | null | undefined;
export type State = "free" | "nearly" | "full" | "unknown";

export interface Words {
  fr: string;
  en: string;
}

export interface BedKind {
  code: string;
  label: Words;
  short: Words;
  /** "01" beds, "02" places; beds when absent. */
  nature?: string;
  critical?: boolean;
  slow?: boolean;
  paediatric?: boolean;
  /** Its figures hold critical-care beds too, as the SAE counts them: never to be added to those. */
  contains_critical?: boolean;
}

export interface Facility {
  finess_et: string;
  finess_ej: string;
  name: string;
  commune: string;
  departement: string;
  lat?: number | null;
  lon?: number | null;
}

export interface DirectoryWard {
  id: string;
  facility: string;
  kind: string;
  installed?: number | null;
  name?: string;
}

export interface Source {
  name: string;
  licence: string;
  url?: string;
}

export interface Directory {
  code: string;
  name: string;
  departements: { code: string; name: string }[];
  kinds: BedKind[];
  facilities: Facility[];
  wards: DirectoryWard[];
  sources?: Source[];
  /** Kinds of bed that the sources say nothing of: unknown, not zero. */
  no_data?: { label: Words; reason: Words }[];
  digest?: string;
  time_zone?: string;
  tile_url?: string | null;
}

export interface Split {
  count: number | null;
  gender?: string | null;
  closing?: string | null;
  extra?: string | null;
  crisis?: string | null;
  assignment?: string | null;
}

export interface Row {
  nature?: string;
  status: string;
  temporality?: string;
  happened_at: Instant;
  received_at: Instant;
  offset?: number;
  source?: { id?: string; door?: string; type?: string | null };
  splits: Split[];
  stands?: boolean;
}

export interface WardPicture {
  id: string;
  facility: string;
  kind: string;
  state?: State;
  stale?: boolean;
  told_at?: Instant | null;
  stale_at?: Instant | null;
  installed?: Figure;
  available?: Figure;
  occupied?: Figure;
  reserved?: Figure;
  closed?: Figure;
  supplementary?: Figure;
  open?: Figure;
  open_is_bound?: boolean;
  occupancy?: Figure;
  occupancy_is_bound?: boolean;
  undeclared_surge?: boolean;
  covid?: Figure;
  rows?: Row[];
}

export interface TotalPicture {
  wards?: number;
  unknown?: number;
  stale?: number;
  state?: State;
  installed?: Figure;
  available?: Figure;
  occupied?: Figure;
  reserved?: Figure;
  closed?: Figure;
  supplementary?: Figure;
  open?: Figure;
  covid?: Figure;
  available_lacking?: number;
  occupancy?: Figure;
  occupancy_is_bound?: boolean;
  counted?: number;
  lacking?: number;
  supplementary_unknown?: number;
  undeclared_surge?: number;
  oldest_at?: Instant | null;
}

export interface Scenario {
  label: Words;
  date?: string;
}

export interface Capacity {
  region?: string;
  token?: string;
  at: Instant;
  rebuilding?: boolean;
  region_digest?: string | null;
  scenario?: Scenario | null;
  wards: Record<string, WardPicture>;
  totals: Record<string, TotalPicture>;
}

export interface Changes {
  at?: Instant;
  rebuilding?: boolean;
  region_digest?: string | null;
  scenario?: Scenario | null;
  wards?: Record<string, WardPicture | null>;
  totals?: Record<string, TotalPicture | null>;
}

export type Frame =
  | { type: "snapshot"; channel: string; token: string; data: Capacity }
  | { type: "changes"; channel: string; token: string; changes: Changes }
  | { type: "reset"; channel: string; reason?: string }
  | { type: "live"; channel: string; at: Instant }
  | { type: "error"; channel?: string; code: string; detail?: string }
  | { type: "pong"; channel?: string };

export interface RegionName {
  code: string;
  name?: string;
  ready?: boolean;
}

export interface Session {
  subject: string;
  grants?: { role: string; scope: string; until?: Instant | null }[];
  expires_at?: Instant;
  regions: (string | RegionName)[];
}

export interface WardDetail {
  ward: WardPicture | null;
  directory?: DirectoryWard;
  history: Row[];
}

export interface Hour {
  at: Instant;
  available?: Figure;
  occupied?: Figure;
  open?: Figure;
  wards?: number;
  lacking?: number;
}

export interface NearbyResult {
  facility: string;
  name: string;
  lat: number;
  lon: number;
  distance_km: number;
  free: number;
  told_at?: Instant | null;
  stale?: boolean;
  wards: string[];
}

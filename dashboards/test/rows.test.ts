/** The desk's rows: what each asks for, in which order, and which a filter leaves. */
import { describe, expect, it } from "vitest";
import { read, write } from "../src/alerts/address";
import { countDown } from "../src/alerts/count_down";
import { EVERYTHING, filtered, inOrder, isPressing, rowsOf, tallied, type Filter, type Row } from "../src/alerts/rows";
import { heardOf, sounding } from "../src/alerts/sound";
import type { Alert, Group, HeldAlert, Severity, Silence } from "../src/alerts/wire";

let made = 0;
function alert(of: Partial<Alert> = {}, held: Partial<HeldAlert> = {}): HeldAlert {
  made += 1;
  const words = { fr: `Alerte ${made}`, en: `Alert ${made}` };
  return {
    shard: "capacity:occitanie",
    ...held,
    alert: {
      id: `a${made}`, rule: "rea", subject: "departement/31/rea", status: "firing", severity: "warning", since: 1_000 + made,
      labels: { concern: "beds", departement: "31" }, title: words, text: words, todo: words, ...of,
    },
  };
}

function picture(groups: Record<string, { of: HeldAlert[] } & Partial<Group>>, silences: Silence[] = [], lone: HeldAlert[] = []): Row[] {
  const all = [...Object.values(groups).flatMap(({ of }) => of), ...lone];
  return rowsOf({
    alerts: new Map(all.map((held) => [held.alert.id, held])),
    groups: new Map(
      Object.entries(groups).map(([id, { of, ...more }]) => [
        id,
        {
          id, route: "r", labels: {}, severity: "warning", status: "telling", began_at: 0, chain: "c",
          alerts: of.map(({ alert: { id } }) => id), ...more,
        } as Group,
      ]),
    ),
    silences: new Map(silences.map((silence) => [silence.id, silence])),
  });
}
const only = (rows: Row[]): Row => (expect(rows).toHaveLength(1), rows[0]!);
const place = (code: string) => ({ "31": "Haute-Garonne", "34": "Hérault" })[code] ?? code;

describe("a row", () => {
  it("is as grave as the gravest of what is open in it, not of what is over", () => {
    const row = only(picture({ g: { of: [alert({ severity: "critical", status: "resolved" }), alert({ severity: "info" })] } }));
    expect(row.severity).toBe("info");
    expect(row.open).toHaveLength(1);
  });

  it("is taken only once all that is open in it is", () => {
    const taken = { status: "acknowledged", taken_by: "me", taken_at: 5, expires_at: 900 } as const;
    expect(only(picture({ g: { of: [alert(taken), alert()] } })).standing).toBe("open");
    const row = only(picture({ g: { of: [alert(taken), alert({ ...taken, expires_at: 800 })] } }));
    expect(row.standing).toBe("taken");
    expect(row.takenBy).toBe("me");
    expect(row.next).toEqual({ is: "reopen", at: 800 });
  });

  it("says what comes next: the first message, the next step, a new round where nobody answered", () => {
    const next = (more: Partial<Group>) => only(picture({ g: { of: [alert()], next_at: 60, ...more } })).next?.is;
    expect(next({ status: "waiting" })).toBe("first");
    expect(next({ status: "telling" })).toBe("escalation");
    expect(next({ status: "unanswered", unanswered_at: 30 })).toBe("again");
    expect(next({ next_at: null })).toBeUndefined();
  });

  it("tells why nobody is told, until when, and by whom", () => {
    const silence = { id: "s", matchers: {}, since: 0, until: 99, reason: "travaux", author: "her" };
    const hushed = only(picture({ g: { of: [alert({}, { silenced_by: "s" })], next_at: 5 } }, [silence]));
    expect(hushed.standing).toBe("hushed");
    expect(hushed.hush).toEqual({ why: "silenced", until: 99, by: "her", reason: "travaux" });
    expect(hushed.next).toBeNull();
    expect(only(picture({ g: { of: [alert({}, { inhibited_by: "x" })] } })).hush?.why).toBe("inhibited");
    const quiet = { status: "quiet", not_told: [{ why: "quiet hours", at: 1, until: 7 }] } as const;
    expect(only(picture({ g: { of: [alert()], ...quiet, not_told: [...quiet.not_told] } })).hush).toMatchObject({ why: "quiet hours", until: 7 });
  });

  it("is heard again once one of its alerts is not silenced", () => {
    expect(only(picture({ g: { of: [alert({}, { silenced_by: "s" }), alert()] } })).standing).toBe("open");
  });

  it("is there too for an alert that no group holds, but not for one that is only pending", () => {
    expect(picture({}, [], [alert({}, { silenced_by: "s" }), alert({ status: "pending" })])).toHaveLength(1);
  });

  it("shows the last message by each channel, and whether it came through", () => {
    const told = (channel: string, at: number, more = {}) => ({ person: "p", channel, at, reason: "first", ...more });
    const row = only(
      picture({ g: { of: [alert()], told: [told("sms", 1, { delivered_at: 2 }), told("sms", 9, { failed_at: 10, why: "no" }), told("app", 9)] } }),
    );
    expect(row.told).toEqual([
      {
        person: "p", at: 9,
        channels: [
          { channel: "app", got: "sent", at: 9, why: "" },
          { channel: "sms", got: "failed", at: 10, why: "no" },
        ],
      },
    ]);
  });
});

describe("the order", () => {
  const taken = { status: "acknowledged", taken_by: "me", taken_at: 5, expires_at: 900 } as const;
  const rows = picture({
    over: { of: [alert({ severity: "critical", status: "resolved" })] },
    hushed: { of: [alert({ severity: "critical" }, { inhibited_by: "x" })] },
    taken: { of: [alert({ severity: "critical", ...taken })] },
    info: { of: [alert({ severity: "info", since: 9_999 })] },
    old: { of: [alert({ since: 10 })] },
    new: { of: [alert({ since: 20 })] },
    alone: { of: [alert({ since: 5 })], status: "unanswered", unanswered_at: 3 },
    worst: { of: [alert({ severity: "critical", since: 1 })] },
  });

  it("is by what needs somebody, then gravity, then whether nobody answered, then the newest", () => {
    expect(inOrder(rows).map(({ id }) => id)).toEqual(["worst", "alone", "new", "old", "info", "taken", "hushed", "over"]);
  });

  it("is the same whatever order the rows came in", () => {
    expect(inOrder([...rows].reverse()).map(({ id }) => id)).toEqual(inOrder(rows).map(({ id }) => id));
  });

  it("has only what is critical and nobody's press, and counts only what waits", () => {
    expect(rows.filter(isPressing).map(({ id }) => id)).toEqual(["worst"]);
    expect(tallied(rows)).toEqual({ critical: 1, warning: 3, info: 1 });
  });
});

describe("a filter", () => {
  const rows = picture({
    beds: { of: [alert({ title: { fr: "Réanimation à 92 %", en: "Intensive care" } })], told: [{ person: "her", channel: "app", at: 1, reason: "first" }] },
    data: { of: [alert({ labels: { concern: "data", departement: "34" }, severity: "info" })] },
    over: { of: [alert({ status: "resolved" })] },
  });
  const left = (by: Partial<Filter>) => filtered(rows, { ...EVERYTHING, ...by }, "her", place).map(({ id }) => id);

  it("leaves out what is over unless it is asked for", () => {
    expect(left({})).toEqual(["beds", "data"]);
    expect(left({ over: true })).toEqual(["beds", "data", "over"]);
  });

  it("narrows by subject, gravity, place, words of titles and places, and to one's own", () => {
    expect(left({ concerns: ["data", "system"] })).toEqual(["data"]);
    expect(left({ severities: ["info"] })).toEqual(["data"]);
    expect(left({ departement: "31" })).toEqual(["beds"]);
    expect(left({ text: "reanim 92" })).toEqual(["beds"]);
    expect(left({ text: "herault" })).toEqual(["data"]);
    expect(left({ mine: true })).toEqual(["beds"]);
  });
});

describe("the address", () => {
  it("says a filter, and is read back as the same", () => {
    const asked = {
      filter: { ...EVERYTHING, concerns: ["beds", "data"] as const, severities: ["critical"] as const, departement: "2A", text: "réa & co", over: true },
      group: "g/1", shape: "desk" as const,
    };
    const query = write({ ...asked, filter: { ...asked.filter, concerns: [...asked.filter.concerns], severities: [...asked.filter.severities] } }, null);
    expect(query).toContain("concern=beds,data");
    expect(read(query)).toEqual({ ...asked, filter: { ...asked.filter, mine: false } });
  });

  it("says nothing where nothing is asked for, and leaves out what it can't mean", () => {
    expect(write({ filter: EVERYTHING, group: null, shape: null }, null)).toBe("");
    expect(read("?concern=money,beds&severity=&departement=<script>").filter).toEqual({ ...EVERYTHING, concerns: ["beds"] });
    expect(read("?mine").shape).toBe("mine");
  });
});

describe("the countdown", () => {
  it.each([
    [245_000, "4:05"],
    [59_001, "1:00"],
    [0, "0:00"],
    [-5_000, "0:00"],
    [3_599_000, "59:59"],
    [3_600_000, "1\u00a0h\u00a000"],
    [5_461_000, "1\u00a0h\u00a032"],
  ])("of %i ms reads %s", (ms, text) => expect(countDown(ms)).toBe(text));
});

describe("what sounds", () => {
  const row = (severity: Severity, more: Partial<Alert> = {}) => picture({ g: { of: [alert({ severity, ...more })] } });
  const none = new Set<Severity>();

  it("is what came, and what became graver; not what was there", () => {
    const before = heardOf(row("warning"));
    expect(sounding(before, row("warning"), none)).toBeNull();
    expect(sounding(before, row("critical"), none)).toBe("critical");
    expect(sounding(before, row("info"), none)).toBeNull();
    expect(sounding(new Map(), row("info"), none)).toBe("info");
  });

  it("is another critical alert in the same group, and nobody's answering; but not each warning that joins", () => {
    const one = alert({ severity: "critical" });
    const two = alert({ severity: "critical" });
    const before = heardOf(picture({ g: { of: [one] } }));
    expect(sounding(before, picture({ g: { of: [one] } }), none)).toBeNull();
    expect(sounding(before, picture({ g: { of: [one, two] } }), none)).toBe("critical");
    expect(sounding(before, picture({ g: { of: [one, alert()] } }), none)).toBeNull();
    expect(sounding(before, picture({ g: { of: [one], status: "unanswered", unanswered_at: 9 } }), none)).toBe("critical");
  });

  it("is the gravest only, and nothing that is muted", () => {
    const rows = picture({ a: { of: [alert()] }, b: { of: [alert({ severity: "critical" })] } });
    expect(sounding(new Map(), rows, none)).toBe("critical");
    expect(sounding(new Map(), rows, new Set<Severity>(["critical"]))).toBe("warning");
    expect(sounding(new Map(), rows, new Set<Severity>(["critical", "warning", "info"]))).toBeNull();
  });

  it("is what was taken and is open again, but nothing of what somebody has", () => {
    const taken = row("critical", { status: "acknowledged", taken_by: "me" });
    expect(sounding(new Map(), taken, none)).toBeNull();
    expect(sounding(heardOf(taken), row("critical"), none)).toBe("critical");
  });
});

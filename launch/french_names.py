"""Names of hospitals and communes as French writes them, from the registers' capitals; the same for the same input."""

import re
import unicodedata
from collections.abc import Iterable

# Registers cut names at about this length: only a name that long may end in the middle of its commune.
CUT_AT = 36

KEPT = frozenset(
    "ALC APHP BTP CCBB CCN CH CHI CHIC CHIVA CHNO CHP CHS CHU CLCC CMC CMCO CMPR CRF CRPA CSSR C3S DAF EPS ESSR "
    "FSEF GCS GH GHEF GHEM GHI GHU GVM HAD HBT HDJ HIA HPA HU ICG ICM II JP LRS MECS MGEN MPR OQN PA RF SMR SSR "
    "UDSMA UGECAM USLD USSAP ARAMAV RESAPY EPABR IDF PSR 3G".split()
)

SHORT = {
    "ADDICTO": "Addictologie",
    "APHP": "AP-HP",
    "CARDIO": "Cardiologique",
    "CERRSY": "CERRSY",
    "CESSRIN": "CESSRIN",
    "CHARLE": "Charles",
    "CHIRURG": "Chirurgicale",
    "CHPERPIGNAN": "CH Perpignan",
    "CL": "Clinique",
    "CONVAL": "Convalescence",
    "CTR": "Centre",
    "CTRE": "Centre",
    "DR": "Dr",
    "ENF": "Enfants",
    "ETAB": "Établissement",
    "ETABLISEMENT": "Établissement",
    "EX": "ex",
    "FONCT": "Fonctionnelle",
    "GERIAT": "Gériatrique",
    "GERONTO": "Gérontologique",
    "HOP": "Hôpital",
    "INCEA": "Inicea",
    "MED": "Médical",
    "MEDEC": "Médecine",
    "MEDIHAD": "MediHAD",
    "MPT": "Montpellier",
    "MR": "Maison de Repos",
    "MTP": "Montpellier",
    "MUT": "Mutualiste",
    "ND": "Notre-Dame",
    "NEPHRO": "Néphrologique",
    "PEDIA": "Pédiatrique",
    "POLYCL": "Polyclinique",
    "POLYCLI": "Polyclinique",
    "POSTCURE": "Postcure",
    "READAPT": "Réadaptation",
    "REDUCATION": "Rééducation",
    "REEDUC": "Rééducation",
    "REINS": "Réinsertion",
    "SPEC": "Spécialisé",
    "SSTDENIS": "Saint-Denis",
    "ST": "Saint",
    "STE": "Sainte",
    "VRENNES": "Varennes",
}

# Words that French writes small inside a name; an article only after another of them: "de la Croix", "La Croix".
SMALL = frozenset("A AU AUX D DE DES DU EN ET L SUR SOUS".split())
ARTICLES = frozenset(("LA", "LE", "LES"))

# Words of the registers of Occitanie and Île-de-France that have accents; others just get their capital.
ACCENTED = """
Achères Activité Adène Alès Amélie Américain André Ariège Asnières Aubigné Aumône Bagnères Barcarès Barthélemy
Beauséjour Bécheville Béclère Bédarieux Bégin Béziers Bicêtre Boissière Bouffémont Boyé Brésis Brévannes Cadène
Cadières Cancérologie Carémeau Cèdres Céré Céret Cévennes Cèze Châtaigneraie Châtaigniers Château Châtelain Châtenay
Châtillon Chély Cité Clément Clémentville Colombière Corbières Côtes Créteil Debré Défense Départemental Diététique
Écureuils Égine Égrégore Élancourt Élisabeth Éloi Émile Épinay Épinettes Estève Estrée Établissement Étampes Étienne
Européen Évecquemont Évry Exupéry Félicité Férolles Floréal Forêt Fossés François Frédéric Général Geneviève Gériatrie
Gériatrique Gérontologique Gévaudan Grégoire Grésillons Hérault Honoré Hôpital Hôpitaux Hôtel Jaurès Jonquière Kléber
Laënnec Lanuéjols Lariboisière Léguevin Léon Léopold Lèze Lézignan Lodève Lozère Mandé Manhès Martinière Maternité
Médecine Médical Médicale Médico Médipôle Méditerranée Mercuès Mère Mérogis Métivet Millénaire Miséricorde Molières
Monié Montégut Montévrain Montréal Nègrepelisse Neurologique Nîmes Orthopédique Osséja Paré Pédiatrie Pédiatrique
Pédiatriques Périne Peyrières Pézenas Pinède Pitié Poincaré Pôle Pomarède Pouponnière Pré Prieuré Privé Privée
Psychothérapie Psychothérapique Pyrène Pyrénées Réadaptation Rééducation Région Rémusat Rémy René Résidence Rivié
Rivière Rivières Salée Salpêtrière Santé Santépôle Séjour Sénart Sète Sévérac Sèvres Spécialisé Spécialisée Thérèse
Thomières Trocadéro Uzès Valérien Vallée Vallées Védas Vernède Verrière Verrières Vésinet
"""

# What follows an A that is a first name's initial, and not "à".
NAMED_A = frozenset(("BOUSQUAIROL", "MATHIS", "PARE", "DE"))

# Places that names speak of besides their own commune; hyphens and accents as they are written.
PLACES = (
    "Brie-Comte-Robert",
    "Font-Romeu",
    "La Canourgue",
    "Lamalou-les-Bains",
    "Les Salles-du-Gardon",
    "Marne-la-Vallée",
    "Meudon-la-Forêt",
    "Saint-Geniez-d'Olt",
    "Saint-Laurent-d'Olt",
    "Sévérac-le-Château",
    "Toulouse-Lautrec",
)


def _plain(word: str) -> str:
    """Return a word in bare capitals, as the registers write it."""
    decomposed = unicodedata.normalize("NFD", word.upper())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


WORDS = {_plain(word): word for word in ACCENTED.split()}


def commune(raw: str) -> str:
    """Return a commune's name: "SAINT GENIEZ D OLT" is Saint-Geniez-d'Olt, "LE GRAU DU ROI" is Le Grau-du-Roi."""
    tokens = _tokens(raw)
    if len(tokens) > 2 and tokens[-1] == "ARRONDISSEMENT":
        return " ".join([*(_word(token) for token in tokens[:-2]), tokens[-2].lower()])
    lead = ""
    if len(tokens) > 1 and tokens[0] in ARTICLES:
        lead = tokens.pop(0).capitalize() + " "
    elif len(tokens) > 1 and tokens[0] == "L":
        tokens.pop(0)
        lead = "L'"
    written = ""
    for place, token in enumerate(tokens):
        small = place > 0 and (token in SMALL or token in ARTICLES)
        written += _word(token).lower() if small else _word(token)
        if place < len(tokens) - 1:
            written += "'" if small and token in ("D", "L") else "-"
    return (lead + written) or raw


def facility(raw: str, raw_commune: str, communes: Iterable[str] = ()) -> str:
    """Return a facility's name: abbreviations written out, acronyms kept, places as `commune` writes them.

    `communes` are the raw names of other communes that the name may speak of.
    """
    tokens = [_plain(token) for word in _tokens(raw) for token in _spelt(word)]
    places = _places([raw_commune, *communes])
    if len(raw) >= CUT_AT and "ARRONDISSEMENT" not in raw_commune:
        tokens = _completed(tokens, _tokens(raw_commune))
    return _joined(_merged(tokens, places)) or raw


def _tokens(raw: str) -> list[str]:
    """Return the words of a register's name; "D'APCHER" and "D APCHER" are both D and APCHER."""
    return re.sub(r"[\s'’()-]+", " ", _plain(raw).replace("S/L", "SUR L").replace("S/", "SUR ")).split()


def _spelt(token: str) -> list[str]:
    """Return the words that an abbreviation of a place's name stands for."""
    return {"ST": ["SAINT"], "STE": ["SAINTE"], "BAGNERE": ["BAGNERES"]}.get(token, [token])


def _places(raw_communes: Iterable[str]) -> dict[tuple[str, ...], str]:
    """Return how places are written, by their words; without their article too, since names often drop it."""
    found: dict[tuple[str, ...], str] = {}
    for raw in raw_communes:
        if "ARRONDISSEMENT" not in raw:
            found[tuple(_tokens(raw))] = commune(raw)
    for place in PLACES:
        found[tuple(_tokens(place))] = place
    for words, written in list(found.items()):
        if len(words) > 2 and words[0] in ARTICLES:
            found.setdefault(words[1:], written.partition(" ")[2])
    return {words: written for words, written in found.items() if len(words) > 1}


def _completed(tokens: list[str], commune_tokens: list[str]) -> list[str]:
    """Return the words with the last ones completed where they are the beginning of the commune's name."""
    wholes = [commune_tokens]
    if commune_tokens[:1] and commune_tokens[0] in ARTICLES:
        wholes.append(commune_tokens[1:])
    for begin in range(1, len(tokens)):
        tail = " ".join(tokens[begin:])
        for whole in wholes:
            if len(tail) >= 3 and " ".join(whole).startswith(tail):
                return [*tokens[:begin], *whole]
    return tokens


def _merged(tokens: list[str], places: dict[tuple[str, ...], str]) -> list[tuple[str, str]]:
    """Return (register's word, written word) pairs, the words of a place's name merged into one; longest first."""
    longest = max((len(words) for words in places), default=0)
    merged: list[tuple[str, str]] = []
    here = 0
    while here < len(tokens):
        for length in range(min(longest, len(tokens) - here), 1, -1):
            written = places.get(tuple(tokens[here : here + length]))
            if written:
                merged.append(("", written))
                here += length
                break
        else:
            merged.append((tokens[here], _word(tokens[here])))
            here += 1
    return merged


def _joined(words: list[tuple[str, str]]) -> str:
    """Return the words as one name: small words small, saints with a hyphen, elided articles with an apostrophe."""
    name = ""
    previous = ""
    for place, (raw, written) in enumerate(words):
        raw_following, following = words[place + 1] if place + 1 < len(words) else ("", "")
        small = place > 0 and (raw in SMALL or (raw in ARTICLES and previous in SMALL))
        gap = " "
        if raw in ("D", "L") and following:
            vowel = _plain(following[0]) in "AEIOUYH"
            # "PECH D ALCY" lost its apostrophe; "CTRE D MOYEN SEJOUR" its e.
            written, gap = (f"{written}'", "") if vowel else (f"{written}e" if raw == "D" else written, " ")
            small = small and (raw == "D" or previous in SMALL)
        elif raw in ("SAINT", "SAINTE", "NOTRE") and following[:1].isupper():
            gap = "-"
        elif len(raw) == 1 and raw.isalpha():
            small = small and raw_following not in NAMED_A
            written = "À" if small else f"{raw}."
        name += (written.lower() if small else written) + gap
        previous = raw
    return name.strip()


def _word(token: str) -> str:
    """Return one word as it is written: acronyms whole, abbreviations spelt out, accents where they are known."""
    if token in SHORT:
        return SHORT[token]
    if token in KEPT:
        return token
    return WORDS.get(token, token.capitalize())

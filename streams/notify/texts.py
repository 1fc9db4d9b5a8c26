"""What a letter says, by channel: what travels in the clear names no person, disease, service or colour."""

import unicodedata

from domain.alerts.notice import Reason
from domain.alerts.rule import Severity
from domain.places import Words
from people.patient_links import address
from streams.notify.channel import Language, Letter

LATE_MIN = 1  # from so many minutes on a letter says that it is late
SMS_ONE, SMS_EACH = 160, 153  # GSM characters of an SMS that is alone, and of each of several
UCS_ONE, UCS_EACH = 70, 67  # the same in UCS-2, which one other character makes of it all

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")
_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "«": '"', "»": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE"}
    | {"\u00a0": " ", "\u202f": " ", "≥": ">=", "≤": "<=", "→": "->", "·": "-", "•": "-"}
)

SEVERITY: dict[Severity, Words] = {
    "info": Words("information", "information"),
    "warning": Words("avertissement", "warning"),
    "critical": Words("critique", "critical"),
}
REASON: dict[Reason, Words] = {
    "first": Words("nouvelle alerte", "new alert"),
    "grew": Words("alerte étendue", "alert grew"),
    "worse": Words("alerte aggravée", "alert worsened"),
    "reopened": Words("alerte à reprendre", "alert reopened"),
    "escalated": Words("alerte restée sans réponse", "unanswered alert"),
    "repeat": Words("rappel d'alerte", "alert reminder"),
    "handed_over": Words("alerte transmise", "alert handed over to you"),
    "resolved": Words("fin d'alerte", "alert over"),
    "word": Words("message à lire", "message to read"),
}
# To patients, whose messages anybody near may read: what waits for them is on the page that the link opens.
TO_PATIENTS: dict[Reason, Words] = {
    "questionnaire": Words("Un questionnaire vous attend.", "A questionnaire is waiting for you."),
    "reminder": Words("Rappel : un questionnaire vous attend.", "Reminder: a questionnaire is waiting for you."),
    "code": Words("Votre code", "Your code"),
    "end": Words("Une information vous attend.", "There is something for you to read."),
}
GIVE_NOBODY = Words("Ne le donnez à personne.", "Give it to nobody.")
SEEN = Words("Marquer comme vu (n'arrête pas l'escalade)", "Mark as seen (does not stop the escalation)")
OPEN = Words("Ouvrir et prendre en charge (connexion demandée)", "Open and take in (asks you to sign in)")
TO_DO = Words("À faire", "What to do")
AUTOMATIC = Words(
    "Message automatique de vigilits ; ne pas répondre.", "Automatic message from vigilits; please do not reply."
)


def say(words: Words, language: Language) -> str:
    """Return a label in one language."""
    return words.en if language == "en" else words.fr


def late(letter: Letter) -> str:
    """Return how late a letter is, nothing where it is not."""
    if letter.late_min < LATE_MIN:
        return ""
    return f"{letter.late_min} min late" if letter.language == "en" else f"retard {letter.late_min} min"


def neutral(letter: Letter) -> str:
    """Return what any channel may say: the region, why we write, how grave, of how many alerts, how late."""
    notice, language = letter.notice, letter.language
    told = [say(REASON[notice.reason], language)]
    if notice.reason not in ("resolved", "word"):
        told.append(("severity: " if language == "en" else "gravité : ") + say(SEVERITY[notice.severity], language))
    if len(notice.alerts) > 1:
        told.append(f"{len(notice.alerts)} " + ("alerts" if language == "en" else "alertes"))
    told += filter(None, [late(letter)])
    return f"vigilits {letter.region}: " + ", ".join(told)


def seen_link(letter: Letter) -> str:
    """Return the address that marks a letter seen, nothing where there is none."""
    return f"{letter.base}/seen#{letter.seen}" if letter.base and letter.seen else ""


def open_path(letter: Letter) -> str:
    """Return where on our pages it is seen to."""
    return letter.notice.link or f"/alerts?group={letter.notice.group}"


def to_patient(letter: Letter) -> str:
    """Return all that a patient is told: that something waits and where, or the code that they asked for."""
    said, language = say(TO_PATIENTS[letter.notice.reason], letter.language), letter.language
    if letter.code:
        return f"{said}{': ' if language == 'en' else ' : '}{letter.code}. {say(GIVE_NOBODY, language)}"
    return f"{said} {address(letter.base, letter.answer, letter.language)}"


def sms(letter: Letter) -> str:
    """Return an SMS in GSM's own characters."""
    if letter.is_to_patient:
        return in_gsm(to_patient(letter))
    link = seen_link(letter) or (letter.base and letter.base + open_path(letter))
    return in_gsm(f"{neutral(letter)}. {link}".rstrip())


def subject(letter: Letter, *, sealed: bool) -> str:
    """Return a message's subject; `sealed`: the mailbox is one of health professionals', and may be told the title."""
    if letter.is_to_patient:
        return say(TO_PATIENTS[letter.notice.reason], letter.language)
    if not sealed:
        return neutral(letter)
    told = [say(letter.notice.title, letter.language), *filter(None, [late(letter)])]
    return " ".join(" - ".join([f"[{say(SEVERITY[letter.notice.severity], letter.language)}]", *told]).split())


def body(letter: Letter, *, sealed: bool) -> str:
    """Return a message's text."""
    if letter.is_to_patient:
        return f"{to_patient(letter)}\n\n{say(AUTOMATIC, letter.language)}\n"
    notice, language = letter.notice, letter.language
    parts = [neutral(letter) + "."]
    if sealed:
        parts += [say(notice.title, language), say(notice.text, language)]
        todo = say(notice.todo, language)
        parts += [f"{say(TO_DO, language)}: {todo}"] if todo else []
    link = seen_link(letter)
    if link:
        parts.append(f"{say(SEEN, language)}:\n{link}")
    if letter.base:
        parts.append(f"{say(OPEN, language)}:\n{letter.base}{open_path(letter)}")
    parts.append(say(AUTOMATIC, language))
    return "\n\n".join(filter(None, parts)) + "\n"


def in_gsm(text: str) -> str:
    """Return a text in the characters that GSM has, so that it takes as few SMS as it can."""
    return "".join(_gsm(sign) for sign in text.translate(_PLAIN))


def _gsm(sign: str) -> str:
    if sign in _GSM or sign in _GSM_TWICE:
        return sign
    bare = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    return bare if bare and all(part in _GSM or part in _GSM_TWICE for part in bare) else "?"


def sms_parts(text: str) -> int:
    """Return how many SMS a text takes."""
    if all(sign in _GSM or sign in _GSM_TWICE for sign in text):
        length, one, each = len(text) + sum(sign in _GSM_TWICE for sign in text), SMS_ONE, SMS_EACH
    else:
        length, one, each = len(text.encode("utf-16-be")) // 2, UCS_ONE, UCS_EACH
    return 1 if length <= one else -(-length // each)

"""What the answering page says of what is deleted when somebody stops: for any pathway, naming none."""

from domain.followup.pathway import End
from domain.places import Words


def stopping(end: End) -> Words:
    """Return what becomes of what was answered once its patient stops."""
    waits_fr = "Si une réponse inquiète votre équipe, l’effacement attend qu’une personne l’ait vue, 72 heures au plus."
    waits_en = "If an answer worries your team, erasure waits until a person has seen to it, for 72 hours at most."
    if end.how == "erase":
        return Words(
            fr="Plus rien ne vous sera demandé. Vos réponses et vos coordonnées seront effacées un jour après. "
            f"{waits_fr}",
            en="Nothing more will be asked. Your answers and your contact details will be erased a day later. "
            f"{waits_en}",
        )
    days = end.keep_days
    return Words(
        fr="Plus rien ne vous sera demandé. Un résumé est envoyé à votre médecin ; vos réponses et vos coordonnées "
        f"sont effacées dès qu’il l’a reçu, au plus tard dans {days} jours. {waits_fr}",
        en="Nothing more will be asked. A summary is sent to your physician; your answers and your contact details are "
        f"erased once they have it, within {days} days at most. {waits_en}",
    )

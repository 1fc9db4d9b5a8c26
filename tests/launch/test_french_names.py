"""Names of hospitals and communes are readable French, the same for the same input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launch import french_names

COMMUNES = {
    "AX LES THERMES": "Ax-les-Thermes",
    "CASTELNAU LE LEZ": "Castelnau-le-Lez",
    "CLERMONT L HERAULT": "Clermont-l'Hérault",
    "LE GRAU DU ROI": "Le Grau-du-Roi",
    "LES SALLES DU GARDON": "Les Salles-du-Gardon",
    "L'ISLE ADAM": "L'Isle-Adam",
    "PARIS 14E ARRONDISSEMENT": "Paris 14e",
    "PARIS 1ER ARRONDISSEMENT": "Paris 1er",
    "SAINT GENIEZ D OLT ET D AUBRAC": "Saint-Geniez-d'Olt-et-d'Aubrac",
    "SETE": "Sète",
    "ERR": "Err",
}

# (name, commune) of the register -> as we write it.
FACILITIES = {
    ("CHIVA SITE ST JEAN DE VERGES", "SAINT JEAN DE VERGES"): "CHIVA Site Saint-Jean-de-Verges",
    ("CL DE L'UNION SAINT JEAN", "SAINT JEAN"): "Clinique de l'Union Saint-Jean",
    ("POLYCL MEDICALE DE LA LEZE", "LAGARDELLE SUR LEZE"): "Polyclinique Médicale de la Lèze",
    ("CL LA PINEDE ST ESTEVE", "SAINT ESTEVE"): "Clinique La Pinède Saint-Estève",
    ("CHU NIMES CAREMEAU", "NIMES"): "CHU Nîmes Carémeau",
    ("HOPITAL PURPAN CHU TOULOUSE", "TOULOUSE"): "Hôpital Purpan CHU Toulouse",
    ("HOPITAL GUI DE CHAULIAC CHU MTP", "MONTPELLIER"): "Hôpital Gui de Chauliac CHU Montpellier",
    ("HOPITAUX MERE & ENFANTS CHU TOULOUSE", "TOULOUSE"): "Hôpitaux Mère & Enfants CHU Toulouse",
    ("CH D ORSAY", "ORSAY"): "CH d'Orsay",
    ("CLINIQUE DE L YVETTE", "LONGJUMEAU"): "Clinique de l'Yvette",
    ("HOPITAL FONDATION A DE ROTHSCHILD", "PARIS 19E ARRONDISSEMENT"): "Hôpital Fondation A. de Rothschild",
    ("CLINIQUE VAL DE SEINE A LOUVECIENNE", "LOUVECIENNES"): "Clinique Val de Seine à Louvecienne",
    ("HU EST PARISIEN SITE ST ANTOINE APHP", "PARIS 12E ARRONDISSEMENT"): "HU Est Parisien Site Saint-Antoine AP-HP",
}

# Cut by the register in the middle of the commune.
CUT = {
    ("CL CAPIO LA CROIX DU SUD QUINT FONSEGR", "QUINT FONSEGRIVES"): "Clinique Capio La Croix du Sud Quint-Fonsegrives",
    ("HAD KORIAN PAYS DES QUATRE VENTS CARCA", "CARCASSONNE"): "HAD Korian Pays des Quatre Vents Carcassonne",
    ("SSR LA POMAREDE FILIERIS SALLES DU GA", "LES SALLES DU GARDON"): "SSR La Pomarède Filieris Salles-du-Gardon",
    ("POUPONNIERE A BOUSQUAIROL VILLENEUVE T", "VILLENEUVE TOLOSANE"): "Pouponnière A. Bousquairol Villeneuve-Tolosane",
    ("HOSPITALISATION A DOMICILE APHP PARIS", "PARIS 5E ARRONDISSEMENT"): "Hospitalisation à Domicile AP-HP Paris",
}


@pytest.mark.parametrize("raw", COMMUNES)
def test_a_commune_has_its_hyphens_and_accents(raw: str) -> None:
    assert french_names.commune(raw) == COMMUNES[raw]


@pytest.mark.parametrize("raw", FACILITIES)
def test_a_facility_keeps_acronyms_and_writes_the_rest_out(raw: tuple[str, str]) -> None:
    assert french_names.facility(*raw) == FACILITIES[raw]


@pytest.mark.parametrize("raw", CUT)
def test_a_name_cut_short_is_completed_by_its_commune(raw: tuple[str, str]) -> None:
    assert french_names.facility(*raw) == CUT[raw]


def test_a_short_name_is_not_completed() -> None:
    """A name that ends like its commune begins, without having been cut, means what it says."""
    assert french_names.facility("CL DU MONT", "MONTPELLIER") == "Clinique du Mont"


def test_another_commune_of_the_file_is_written_like_one() -> None:
    assert french_names.facility("HAD PONT ST ESPRIT", "UZES", ["PONT SAINT ESPRIT"]) == "HAD Pont-Saint-Esprit"


NAMES = st.text(alphabet="ABCDEILSTOU '-()&/.13ÉÇ", min_size=1, max_size=40).filter(str.strip)


@given(NAMES, NAMES, st.lists(NAMES, max_size=3))
def test_any_name_can_be_written(raw: str, commune: str, others: list[str]) -> None:
    written = french_names.facility(raw, commune, others)
    assert "  " not in written
    assert written == french_names.facility(raw, commune, others)
    french_names.commune(commune)

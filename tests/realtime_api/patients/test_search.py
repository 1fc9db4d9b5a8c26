"""Search by name: among one's own; a regulator finds whom they know whole, and nothing of them."""

from typing import Any

from people.trail import Act, Trail
from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import CANARY, ask, enrol, file_of, kind_of, wrong_in

MATRICULE = f"260022B001234{97 - int('2600218001234') % 97:02}"


async def found(house: House, subject: str, **told: Any) -> dict[str, Any]:
    """Return what somebody finds."""
    answer = await ask(house, "POST", "/patients/search", subject, told)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def test_a_name_is_found_however_it_is_written_among_one_s_own_alone(ward: House) -> None:
    mine = await enrol(ward, file=file_of(birth_name="Lefèvre-Dupré", used_name="Martin"))
    await enrol(ward, "colleague", circle=[], file=file_of(birth_name="Lefèvre"))
    for name in ("lefevre", "LEFÈVRE DUPRE", "martin"):
        assert (await found(ward, "nurse", name=name))["patients"] == [mine]
    assert (await found(ward, "nurse", name="lefevre", first_name="anne"))["patients"] == [mine]
    assert (await found(ward, "nurse", name="lefevre", first_name="Zoé", birth_date="1960-02-29"))["patients"] == [mine]
    assert (await found(ward, "nurse", name="lefevre", birth_date="1960-03-01"))["patients"] == []
    assert (await found(ward, "nurse", name="lefevre", first_name="Paul"))["patients"] == []


async def test_a_search_is_in_the_trail_with_what_it_found_and_without_what_was_searched_for(ward: House) -> None:
    patient = await enrol(ward)
    await found(ward, "nurse", name=CANARY)
    await found(ward, "nurse", name="personne")
    entries = [written.entry for written in Trail(ward.home).of_person("nurse")]
    assert [(entry.act, entry.file, entry.screen) for entry in entries] == [
        (Act.SEARCH, "", "search"),
        (Act.SEARCH, patient, "search"),
    ]
    assert CANARY.encode() not in (ward.home / "trail.sqlite3").read_bytes()


async def test_a_regulator_finds_whose_glass_may_be_broken_by_all_three_and_learns_no_content(ward: House) -> None:
    patient = await enrol(ward)
    whole = {"name": CANARY, "first_name": "Zoé", "birth_date": "1960-02-29"}
    told = await found(ward, "regulator", **whole)
    assert told["patients"] == []
    assert told["elsewhere"] == [patient], "a pseudonym, and no pathway, whose name can say which illness it is"
    assert (await found(ward, "regulator", **whole | {"birth_date": "1960-02-28"}))["elsewhere"] == []
    assert Trail(ward.home).of_person("regulator")[-1].entry.file == patient
    for missing in ("first_name", "birth_date"):
        answer = await ask(ward, "POST", "/patients/search", "regulator", {**whole, missing: ""})
        assert wrong_in(answer) == {missing}


async def test_whether_people_are_followed_is_told_a_few_times_a_minute(ward: House) -> None:
    await enrol(ward)
    answers = [
        await ask(
            ward,
            "POST",
            "/patients/search",
            "regulator",
            {"name": CANARY, "first_name": "Zoé", "birth_date": f"1960-02-{day:02}"},
        )
        for day in range(20, 27)
    ]
    assert [answer.status_code for answer in answers] == [*[200] * 5, 429, 429]
    assert Trail(ward.home).of_person("regulator")[0].entry.file == ""


async def test_a_clinician_is_not_told_of_others_patients(ward: House) -> None:
    await enrol(ward, "colleague", circle=[])
    told = await found(ward, "nurse", name=CANARY, first_name="Zoé", birth_date="1960-02-29")
    assert told == {"patients": [], "elsewhere": []}


async def test_an_ins_finds_its_patient_among_ones_own_and_the_trail_has_it(ward: House) -> None:
    """Practice software knows its patient by it, and opens the page of the one whom it has in front of it."""
    ins = {"status": "validée", "matricule": MATRICULE, "oid": "1.2.250.1.213.1.4.8"}
    own = file_of(birth_place="2B001", ins=ins)
    mine = await enrol(ward, file=own)
    await enrol(ward, file=file_of())
    await enrol(ward, "colleague", circle=[], file=own)
    spaced = f" {MATRICULE[:1]} {MATRICULE[1:]}".lower()
    for each in (MATRICULE, spaced):
        assert await found(ward, "nurse", matricule=each) == {"patients": [mine], "elsewhere": []}
    entry = Trail(ward.home).of_person("nurse")[-1].entry
    assert (entry.act, entry.file) == (Act.SEARCH, mine)
    assert (await found(ward, "nurse", matricule=MATRICULE, name="personne"))["patients"] == []
    assert await found(ward, "regulator", matricule=MATRICULE) == {"patients": [], "elsewhere": []}
    assert MATRICULE.encode() not in (ward.home / "trail.sqlite3").read_bytes()


async def test_a_search_for_nothing_is_refused(ward: House) -> None:
    for body, path in (
        ({"name": " "}, "name"),
        ({"name": "x", "birth_date": "hier"}, "birth_date"),
        ({"name": "x" * 101}, "name"),
        ({}, "name"),
        ({"matricule": "260022B00123499"}, "matricule"),
    ):
        assert wrong_in(await ask(ward, "POST", "/patients/search", "nurse", body)) == {path}


async def test_whoever_searches_again_and_again_is_stopped(ward: House) -> None:
    answers = [await ask(ward, "POST", "/patients/search", "nurse", {"name": f"x{n}"}) for n in range(12)]
    assert kind_of(answers[-1]) == (429, "too-many")
    assert (await found(ward, "physician", name="x"))["patients"] == []

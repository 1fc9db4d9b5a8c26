"""A file begins: with consent, within the floors of its pathway, and a circle that may be one."""

from tests.realtime_api.house import House
from tests.realtime_api.patients.followed import body_of, enrol, hub_of, page


async def test_who_enrols_a_patient_sees_all_that_they_said(ward: House) -> None:
    patient = await enrol(ward)
    assert {member.subject for member in hub_of(ward, patient).patients[patient].circle} == {"physician", "nurse"}
    for subject in ("physician", "nurse"):
        shown = (await page(ward, subject, patient)).json()
        assert shown["file"]["birth_name"] == body_of()["file"]["birth_name"]

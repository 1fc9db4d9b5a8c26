"""A whole system that follows patients at home, with a handle on its doors and on its key store."""

import uuid
from typing import Any

from people.keys import AlreadyErased, Keys
from people.masters import named
from tests.end_to_end.system import System, heard


class AtHome:
    """A system, its region of patients, and whoever knocks at its doors."""

    def __init__(self, system: System, region: str) -> None:
        self.system, self.region = system, region
        self.keys = Keys(system.home, named(system.home))

    def ask(self, method: str, path: str, subject: str = "", **body: Any) -> Any:
        """Return what a door answers, to somebody or to nobody, once it says what came of it."""
        told = {"idempotency-key": uuid.uuid4().hex} | (self.system.bearer(subject) if subject else {})
        return heard(lambda: self.system.http.request(method, f"/api/v1{path}", json=body or None, headers=told))

    def page(self, patient: str, by: str) -> Any:
        """Return a patient's page as somebody sees it."""
        return self.ask("GET", f"/regions/{self.region}/patients/{patient}", by)

    def is_erased(self, patient: str) -> bool:
        """Return whether the patient's key is destroyed."""
        try:
            self.keys.create(patient)
        except AlreadyErased:
            return True
        return False

"""The patient's own doors, other apps' by FHIR, and the special desks: sittings, first calls, the access trail."""

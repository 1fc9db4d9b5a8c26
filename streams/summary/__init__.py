"""The signed summary of a follow-up: what it says, as a FHIR document and as a page, and its way to a mailbox."""

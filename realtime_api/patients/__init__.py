"""The clinicians' doors of the home follow-up: enrolment, board, a patient's page, acts, and how content is opened."""

"""Beds: from figures as they are reported to the picture of wards, facilities, départements and the region."""

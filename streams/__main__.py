"""`python -m streams` runs a worker."""

from streams.app import main

main()

"""`python -m realtime_api`."""

from realtime_api.app import main

main()

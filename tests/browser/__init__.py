"""The web app in Chromium."""

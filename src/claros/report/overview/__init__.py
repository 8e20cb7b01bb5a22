"""The sections of a bench of several settings, one file each, and the settings themselves behind a click."""

"""The sections of a report, one file each: a finding in words, and what it rests on."""

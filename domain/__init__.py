"""The rules: values in, values out; no IO, no clock; imports nothing of ours."""

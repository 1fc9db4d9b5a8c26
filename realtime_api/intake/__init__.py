"""One reader a format, pure: bytes to rows, or to everything that is wrong with them."""

"""The modules, one family per file; `lucid.nn` exports them."""

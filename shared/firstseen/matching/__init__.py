"""Running rules: which events does each base rule hold for? Index, partial evaluation, generated code."""

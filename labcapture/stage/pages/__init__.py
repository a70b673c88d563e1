"""The pages of a form: what is asked on them, and the choice so far."""

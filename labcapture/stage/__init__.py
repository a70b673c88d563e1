"""The participant's screen: the engine's side (`process`) and PsychoPy's (`child`), which share no interpreter."""

"""What a run keeps so that it can be gone on with: its states, which of them, a lock; and the proof that it can."""

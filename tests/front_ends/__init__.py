"""The same twelve cells in every front end: what a person sees as they run, in the end, and opened again."""

"""What makes and checks the artefacts of a release; see CONTRIBUTING.md."""

"""What makes and checks the artefacts of a release; see docs/release.md."""

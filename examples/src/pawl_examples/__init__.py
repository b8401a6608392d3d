"""Reference application and demo of Pawl on real conversations."""

"""The API of Pawl: the five kinds of `pawl.dev/v1alpha1` as types, and the CRDs made from them."""

"""Makes the CustomResourceDefinitions out of the API types."""

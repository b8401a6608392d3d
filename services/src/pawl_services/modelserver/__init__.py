"""The model server: one verified model behind the Open Inference Protocol v2 (REST)."""

"""Pawl's trainers: dataset to evaluated, exported model."""

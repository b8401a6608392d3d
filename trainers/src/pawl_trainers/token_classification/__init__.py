"""Token classification: a pretrained encoder, fine-tuned to mark facts; trained with torch, served without."""

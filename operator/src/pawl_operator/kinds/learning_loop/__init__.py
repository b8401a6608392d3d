"""LearningLoop: from new examples to a version that its Rollout promotes, again and again."""

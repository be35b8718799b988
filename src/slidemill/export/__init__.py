"""Trained models for other programs: ONNX and TensorFlow Serving, written only if their scores are the model's own."""

"""Turn checkpoints into verified ONNX files."""

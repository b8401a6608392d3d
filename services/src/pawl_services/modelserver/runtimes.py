"""Chooses the runtime that the settings name."""

from pathlib import Path

from pawl_services.modelserver.runtime import Runtime
from pawl_services.modelserver.settings import ModelServerSettings


def load_runtime(settings: ModelServerSettings, directory: Path) -> Runtime:
    """Load the model that lies in `directory`; blocks, and raises LoadError."""
    # Each runtime is imported only where it is used: an image need not carry the other one's libraries.
    if settings.runtime == "onnx":
        from pawl_services.modelserver.onnx_runtime import OnnxRuntime

        return OnnxRuntime(directory, settings.threads)
    from pawl_services.modelserver.python_runtime import PythonRuntime

    return PythonRuntime(settings.entrypoint, directory)

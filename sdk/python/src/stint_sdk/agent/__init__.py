"""An agent that runs Python functions: mark them with `task`, and start `python -m stint_sdk.agent --key-file FILE MODULE`.

    from stint_sdk.agent import task

    @task(type="inferencer", setup=load_model)
    def classify(model, item: dict, threshold: float = 0.5):
        return {"label": model(item["text"]) > threshold}

What `stint_sdk.task` offers to programs works in functions too. Needs only the standard library.
"""

from __future__ import annotations

from stint_sdk.agent.tasks import task as task

__all__ = ["task"]

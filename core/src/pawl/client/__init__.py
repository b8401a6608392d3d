"""The application's side: logs interactions and feedback in the background, and never blocks or fails the caller.

client = PawlClient("http://pawl-collector.pawl-system", Path("/var/run/pawl/token"), "fact-extraction")
answer = httpx.post(..., headers={"x-pawl-interaction-id": (id := new_interaction_id())})
client.log_interaction(id=id, user=user, input=text, output=facts, **served_by(answer.headers))
client.feedback(id, "correction", {"truth": right_facts})
"""

from pawl.client.client import ClientLimits, PawlClient
from pawl.client.identifiers import new_interaction_id
from pawl.client.sender import ClientStats
from pawl.client.served import Served, served_by

__all__ = ["ClientLimits", "ClientStats", "PawlClient", "Served", "new_interaction_id", "served_by"]

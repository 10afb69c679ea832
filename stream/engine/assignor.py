"""Who owns which partition: balanced, and moving no more than balance needs.

Faust's own assignor first cuts everybody to the floor and then deals the rest round robin, which moves
partitions for nothing. Protocol name, version and metadata are Faust's, so old and new workers can share a
group; only the leader's choice differs.
"""

from collections.abc import Collection, Mapping
from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor

__all__ = ["QuotaAssignor", "spread"]


def spread(previous: Mapping[str, Collection[int]], n_partitions: int) -> dict[str, list[int]]:
    """Deal partitions 0..n-1 to members so that sizes differ by at most one.

    Members keep what they have up to their quota; the fullest get the larger quotas; what is free goes to
    those below quota. Deterministic: every leader comes to the same result.

    Args:
        previous: what each member claims to own; a double claim goes to the first member by name.
        n_partitions: partitions to deal.
    """
    least, n_larger = divmod(n_partitions, len(previous))
    claimed: set[int] = set()
    owned: dict[str, list[int]] = {}
    for member in sorted(previous):
        owned[member] = sorted(p for p in set(previous[member]) if p < n_partitions and p not in claimed)
        claimed.update(owned[member])
    order = sorted(owned, key=lambda member: (-len(owned[member]), member))
    quota = {member: least + (rank < n_larger) for rank, member in enumerate(order)}
    for member in order:
        owned[member] = owned[member][: quota[member]]
    held = {partition for partitions in owned.values() for partition in partitions}
    free = [partition for partition in range(n_partitions) if partition not in held]
    for member in order:
        missing = quota[member] - len(owned[member])
        owned[member] = sorted(owned[member] + free[:missing])
        free = free[missing:]
    return owned


class QuotaAssignor(PartitionAssignor):
    """Faust's assignor with `spread` as its choice. Co-partitioned topics move together."""

    def forget(self) -> None:
        """Claim nothing at the next join: what this member owned went to others while it was away.

        Its old claim would be taken for a fresh one, and partitions would move for nothing.
        """
        self._assignment = ClientAssignment(actives={}, standbys={})

    def _perform_assignment(self, cluster: Any, member_metadata: Mapping[str, Any]) -> Any:
        clients = {member: self._get_client_metadata(data) for member, data in member_metadata.items()}
        subscriptions = {member: list(data.subscription) for member, data in member_metadata.items()}
        topics = {topic for subscription in subscriptions.values() for topic in subscription}
        groups = self._get_copartitioned_groups(topics, cluster, subscriptions)
        self._update_member_urls(clients)

        assignments = {member: ClientAssignment(actives={}, standbys={}) for member in clients}
        group_of_topic: dict[str, int] = {}
        for group_id, (n_partitions, topic_groups) in enumerate(sorted(groups.items())):
            for group in topic_groups:
                previous = {
                    member: client.assignment.copartitioned_assignment(set(group)).actives
                    for member, client in clients.items()
                    if set(group) <= set(subscriptions[member])
                }
                for member, partitions in spread(previous, n_partitions).items():
                    assignments[member].actives.update({topic: list(partitions) for topic in group})
                group_of_topic.update(dict.fromkeys(group, group_id))
        return self._protocol_assignments(
            assignments,
            self._get_changelog_distribution(assignments),
            self._get_external_topic_distribution(assignments),
            group_of_topic,
        )

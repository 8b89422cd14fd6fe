"""BrokerContract: everything that a broker must keep, joined."""

from taskiq_testkit.contracts.aborts import AbortContract
from taskiq_testkit.contracts.cancellation import CancellationContract
from taskiq_testkit.contracts.claims import ClaimsContract
from taskiq_testkit.contracts.dead_letters import DeadLetterContract
from taskiq_testkit.contracts.delays import DelayContract
from taskiq_testkit.contracts.distribution import DistributionContract
from taskiq_testkit.contracts.enqueue import EnqueueContract
from taskiq_testkit.contracts.history import HistoryContract
from taskiq_testkit.contracts.inspection import InspectionContract
from taskiq_testkit.contracts.leases import LeaseContract
from taskiq_testkit.contracts.lifecycle import LifecycleContract
from taskiq_testkit.contracts.ownership import OwnershipContract
from taskiq_testkit.contracts.pause import PauseContract
from taskiq_testkit.contracts.plugin_spec import PluginSpecContract
from taskiq_testkit.contracts.poison import PoisonContract
from taskiq_testkit.contracts.presence import PresenceContract
from taskiq_testkit.contracts.pushed_results import PushedResultContract
from taskiq_testkit.contracts.queue_admin import QueueAdminContract
from taskiq_testkit.contracts.queue_labels import QueueLabelContract
from taskiq_testkit.contracts.queues import QueuesContract
from taskiq_testkit.contracts.settlement import SettlementContract
from taskiq_testkit.contracts.transactions import TransactionContract


class BrokerContract(
    EnqueueContract,
    DistributionContract,
    SettlementContract,
    LeaseContract,
    DelayContract,
    QueueLabelContract,
    DeadLetterContract,
    PoisonContract,
    AbortContract,
    QueueAdminContract,
    CancellationContract,
    PushedResultContract,
    LifecycleContract,
    PluginSpecContract,
    ClaimsContract,
    QueuesContract,
    InspectionContract,
    PauseContract,
    PresenceContract,
    HistoryContract,
    OwnershipContract,
    TransactionContract,
):
    """What every broker must keep. Inherit it, and override the fixture `broker`.

    Optional: the fixtures `make_broker`, `broker_factory`, `restart_server`, `end_connection`,
    `remove_queue`, `plant_poison` and `open_transaction`, and the attributes of `BrokerBase`.
    """

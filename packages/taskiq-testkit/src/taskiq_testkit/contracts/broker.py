"""BrokerContract: everything that a broker must keep, joined."""

from taskiq_testkit.contracts.aborting import AbortContract
from taskiq_testkit.contracts.burying import DeadLetterContract
from taskiq_testkit.contracts.choosing import ChoosingContract
from taskiq_testkit.contracts.counting import CountingContract
from taskiq_testkit.contracts.delays import DelayContract
from taskiq_testkit.contracts.interrupting import InterruptingContract
from taskiq_testkit.contracts.leases import LeaseContract
from taskiq_testkit.contracts.living import LivingContract
from taskiq_testkit.contracts.poison import PoisonContract
from taskiq_testkit.contracts.pushing import PushingContract
from taskiq_testkit.contracts.sending import SendingContract
from taskiq_testkit.contracts.settling import SettlingContract
from taskiq_testkit.contracts.sharing import SharingContract


class BrokerContract(
    SendingContract,
    SharingContract,
    SettlingContract,
    LeaseContract,
    DelayContract,
    ChoosingContract,
    DeadLetterContract,
    PoisonContract,
    AbortContract,
    CountingContract,
    InterruptingContract,
    PushingContract,
    LivingContract,
):
    """What every broker must keep. Inherit it, and override the fixture `broker`.

    Optional: the fixtures `make_broker`, `broker_factory`, `restart_server` and `plant_poison`, and
    the attributes that `BrokerBase` lists.
    """

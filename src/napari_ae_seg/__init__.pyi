from .config import NetworkConfig as NetworkConfig
from .config import SegmentationConfig as SegmentationConfig
from .config import TrainingConfig as TrainingConfig
from .decoding import decode as decode
from .decoding import generate as generate
from .encoding import Features as Features
from .encoding import encode as encode
from .errors import AeSegError as AeSegError
from .errors import AssumptionWarning as AssumptionWarning
from .errors import DriftWarning as DriftWarning
from .errors import ImageReadError as ImageReadError
from .errors import MissingExtraError as MissingExtraError
from .errors import ModelFileError as ModelFileError
from .errors import OutOfMemoryError as OutOfMemoryError
from .images.stack import Stack as Stack
from .images.stack import read as read
from .model import Autoencoder as Autoencoder
from .segmenter import Segmenter as Segmenter
from .segments import Segments as Segments
from .session import Session as Session
from .session import current as current
from .training import Fit as Fit
from .training import estimate as estimate
from .training import train as train

__version__: str

import pytest

from emote3d.body import BodyModel, load_body_model
from emote3d.retarget import RetargetMap, build_map

from .synthetic import Truth, make_model


@pytest.fixture(scope="session")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """A FLAME-layout model of another person, with what is known about it."""
    return make_model(tmp_path_factory.mktemp("synthetic"), seed=1, faces=6000, basis=60)


@pytest.fixture(scope="session")
def model(truth: Truth) -> BodyModel:
    return load_body_model(truth.path)


@pytest.fixture(scope="session")
def built(model: BodyModel) -> RetargetMap:
    return build_map(model)

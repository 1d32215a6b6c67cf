import torch
from encoder import loss


def code(spread: float, apart: float) -> torch.Tensor:
    """Two classes, 64 places each, in two images: (2, 2, 64, 4)."""
    torch.manual_seed(0)
    centers = apart * torch.eye(4)[:2]
    return centers[None, :, None] + spread * torch.randn(2, 2, 64, 4)


KNOWN = torch.ones(2, 2, dtype=torch.bool)


def test_a_code_that_parts_the_classes_costs_less():
    for wrong in (loss.prototypes, loss.contrast):
        assert wrong(code(0.05, 0.7), KNOWN) < wrong(code(0.3, 0.7), KNOWN) < wrong(code(0.3, 0), KNOWN)


def test_a_class_that_is_not_there_does_not_count():
    z = torch.cat([code(0.1, 0.7), torch.zeros(2, 1, 64, 4)], 1)
    known = torch.cat([KNOWN, torch.zeros(2, 1, dtype=torch.bool)], 1)

    torch.testing.assert_close(loss.prototypes(z, known), loss.prototypes(code(0.1, 0.7), KNOWN))


def test_an_image_of_one_class_asks_nothing():
    one = torch.tensor([[True, False], [True, False]])

    assert loss.prototypes(code(0.3, 0), one) == 0
    assert loss.contrast(code(0.3, 0), one) == 0


def test_means_that_drift_cost_more():
    z = code(0.05, 0.7)
    settled = loss.stays(z, z.flatten(1, 2), KNOWN)
    crowd = z[:, 0] + 0.5 * torch.randn(2, 64, 4)  # one class far wider than the places picked of it say

    assert loss.stays(z, crowd, KNOWN) > settled


def test_truth_has_rivals_where_kmeans_would_rather_split_the_common_class():
    wide, narrow = torch.zeros(1, 300, 2), torch.zeros(1, 20, 2)
    wide[..., 0] = torch.linspace(-1, 1, 300)
    narrow[..., 1] = 0.5
    truth = torch.tensor([[0] * 300 + [1] * 20])

    def cost(width: float) -> float:
        z = torch.cat([width * wide, narrow], 1)
        return float(loss.rivals(z, truth, torch.Generator().manual_seed(0)))

    assert cost(1.0) > 0.5
    assert cost(0.05) < 0.1


def test_places_are_of_their_class_and_rare_classes_left_out():
    classes = torch.zeros(1, 20, 20, dtype=torch.uint8)
    classes[0, :10], classes[0, 19, :3] = 1, 2
    picks = loss.pick(classes, torch.Generator().manual_seed(0))

    assert picks.known.tolist() == [[True, True, False]]
    assert (classes.flatten(1)[0][picks.of_class[0, 1]] == 1).all()


def test_values_are_sampled_at_the_pixels_asked_for():
    maps = torch.arange(24.0).reshape(1, 1, 4, 6)

    torch.testing.assert_close(
        loss.sampled(maps, torch.tensor([[0, 7, 23]]), (4, 6)).flatten(), torch.tensor([0.0, 7, 23])
    )
    volume = torch.arange(60.0).reshape(1, 1, 3, 4, 5)
    torch.testing.assert_close(
        loss.sampled(volume, torch.tensor([[8, 59]]), (3, 4, 5)).flatten(), torch.tensor([8.0, 59])
    )

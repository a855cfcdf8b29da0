"""Every family of encoders with every decoder: built, and one training step on the CPU, or excluded with the reason.

The smallest member stands for a family. Images have 64x64 pixels, for PAN 128x128, since its attention halves features
of stride 16 three times. A pair that the survey of a sweep would take must train; one that it would exclude is not
tried.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from seatbelt.config.loss import LossConfig
from seatbelt.config.trial import DECODERS, ModelConfig

OF_SMP = (
    *("resnet18", "resnext50_32x4d", "dpn68", "vgg11", "se_resnet50", "densenet121", "inceptionresnetv2"),
    *("inceptionv4", "efficientnet-b0", "mobilenet_v2", "xception", "timm-efficientnet-b0"),
    *("timm-tf_efficientnet_lite0", "timm-skresnet18", "mit_b0", "mobileone_s0"),
)
OF_TIMM = (
    *("lite0", "timm:resnet18", "timm:convnext_atto", "timm:convnextv2_atto", "timm:tf_efficientnetv2_b0"),
    *("timm:mobilenetv3_small_050", "timm:mobilenetv4_conv_small_035", "timm:regnetx_002", "timm:res2net50_14w_8s"),
    *("timm:resnest14d", "timm:hrnet_w18_small", "timm:mobilevit_xxs", "timm:swin_tiny_patch4_window7_224"),
    *("timm:pvt_v2_b0", "timm:vit_tiny_patch16_224", "timm:vit_small_patch14_dinov2"),
)


def measure(folder: Path) -> Iterator[str]:
    """Build and train every pair, and count."""
    import torch

    torch.set_num_threads(1)
    built = excluded = 0
    seconds = 0.0
    reasons: Counter[str] = Counter()
    for encoder in (*OF_SMP, *OF_TIMM):
        cells = []
        for decoder in DECODERS:
            outcome, took = _try(encoder, decoder)
            if outcome is None:
                built, seconds = built + 1, seconds + took
                cells.append(f"{decoder} {took:.1f}")
            else:
                excluded += 1
                reasons[outcome] += 1
        yield f"{encoder}: {len(cells)} of {len(DECODERS)}; seconds {', '.join(cells) or 'none'}"
    yield f"{built} of {built + excluded} pairs built and trained one step in {seconds:.0f} s; {excluded} excluded"
    for reason, count in reasons.most_common():
        yield f"excluded {count}: {reason}"


def _try(encoder: str, decoder: str) -> tuple[str | None, float]:
    """Return why a pair is excluded, None if it trained, and the seconds of building it and of one step."""
    import torch

    from seatbelt.models.architectures import build, segment
    from seatbelt.models.feasibility import find_obstacle
    from seatbelt.models.losses import segmentation_loss
    from seatbelt.models.weights import without_weights

    side = 128 if decoder == "pan" else 64
    model = ModelConfig.model_validate({"encoder": encoder, "decoder": decoder, "weights": "none"})
    obstacle = find_obstacle(model, side, side)
    if obstacle is not None:
        return obstacle, 0.0
    started = time.perf_counter()
    network = build(model, 1, weights=without_weights())
    optimizer = torch.optim.Adam(network.parameters())
    logits = segment(network, torch.rand(2, 3, side, side))
    valid = torch.ones(2, 1, side, side, dtype=torch.bool)
    loss = segmentation_loss(logits, torch.zeros(2, 1, side, side), valid, LossConfig())
    loss.backward()
    optimizer.step()
    assert bool(loss.isfinite()), f"{encoder} {decoder}: the loss is {loss}"
    return None, time.perf_counter() - started

"""The iBUG-68 landmarks as vertices of hm08, embedded in FLAME's layout."""

from __future__ import annotations

import numpy as np

from avatar.source import Floats, Ints

IBUG_68 = (
    5687, 5098, 5242, 895, 737, 5297, 5294, 5221, 5225, 11831, 11900, 11902, 7457, 7597, 11851, 11713, 12284, 190,
    178, 176, 180, 181, 6957, 6956, 6952, 6954, 6966, 133, 131, 201, 297, 346, 330, 312, 7092, 7107, 18, 2, 55, 4869,
    47, 41, 11487, 6839, 6786, 6802, 6825, 6831, 402, 410, 450, 455, 7210, 7170, 7162, 7166, 7241, 492, 486, 406, 435,
    515, 520, 7262, 7195, 7265, 523, 518,
)  # fmt: skip
"""hm08 vertex of each landmark: jaw line, brows, nose, eyes, outer lips, inner lips."""
INNER_LIPS = (
    520, 7267, 7268, 7261, 7262, 11962, 7263, 7181, 7180, 7196, 10399, 7194, 7195, 10376, 7205, 7206, 7266, 7265,
    7264, 523, 517, 518, 519, 446, 445, 3708, 435, 434, 3731, 436, 420, 421, 516, 5360, 515, 514, 522, 521,
)  # fmt: skip
"""The ring of hm08 where closed lips touch: from the middle of the upper lip over the left corner, the lower lip's
middle and the right corner back."""


def embed(triangles: Ints, vertices: Ints) -> tuple[Ints, Floats]:
    """A triangle (68,) and barycentric coordinates (68, 3) for landmarks that lie on vertices."""
    faces, bary = [], []
    for vertex in vertices:
        face, corner = np.argwhere(triangles == vertex)[0]
        faces.append(face)
        bary.append(np.eye(3)[corner])
    return np.array(faces), np.array(bary)

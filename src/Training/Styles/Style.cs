using static TorchSharp.torch;

namespace StreamDiff.Training.Styles;

/// <summary>A style that the model knows: how it is asked for, and what it is.</summary>
/// <param name="Name">Its plain name.</param>
/// <param name="Words">Names people give it, the plain one first.</param>
/// <param name="Target">Pictures [frames, 3, H, W] in [0, 1] to the same in this style.</param>
/// <param name="KeepsPicture">False where edges are not meant to stay where they were, as in a mosaic.</param>
public sealed record Style(string Name, IReadOnlyList<string> Words, Func<Tensor, Tensor> Target, bool KeepsPicture = true);

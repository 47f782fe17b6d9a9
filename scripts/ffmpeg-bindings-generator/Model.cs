namespace StreamDiff.BindingsGenerator;

/// <summary>A field as one FFmpeg version has it.</summary>
/// <param name="Name">C's name.</param>
/// <param name="Type">C#'s type.</param>
/// <param name="Meaning">What must be the same in all versions: the type and, where it stands for a callback, its signature.</param>
/// <param name="Offset">Bytes from the record's start.</param>
/// <param name="IsObsolete">Marked as deprecated.</param>
/// <param name="IsComparable">False for what C's offsetof refuses: bit-fields.</param>
internal sealed record Field(string Name, string Type, string Meaning, long Offset, bool IsObsolete, bool IsComparable);

/// <summary>A struct or union as one FFmpeg version has it; without fields where its contents are FFmpeg's own.</summary>
internal sealed record Layout(string Name, string CType, bool IsUnion, bool IsNamed, long Size, IReadOnlyList<Field> Fields);

/// <summary>An exported function as one FFmpeg version has it.</summary>
/// <param name="Library">Short name of the library.</param>
/// <param name="Declaration">C#'s text.</param>
/// <param name="Meaning">What must be the same in all versions.</param>
/// <param name="Summary">The comment in front of it, without line ends.</param>
/// <param name="IsObsolete">Marked as deprecated.</param>
internal sealed record Function(string Library, string Declaration, string Meaning, string Summary, bool IsObsolete);

using TorchSharp;

namespace StreamDiff.Models;

/// <summary>
/// Numbers as libtorch takes them.
/// TorchSharp's implicit conversion makes a <see cref="Scalar"/> that nothing refers to once its handle is read, so that the finalizer may
/// free it while libtorch still reads it:
/// rare on a quiet machine, and then "Expected false to be true" or another number. Its own <c>add(x)</c>, <c>square()</c>,
/// <c>arange(end)</c> and the operators do so inside.
/// BannedSymbols.txt makes all of these errors of the build.
/// </summary>
public static class Scalars
{
    /// <summary>
    /// Far more than one call takes: whatever a thread was given, it has handed to libtorch and back before this many more.
    /// </summary>
    private const int Held = 64;

    [ThreadStatic]
    private static Scalar?[]? _held;

    [ThreadStatic]
    private static int _next;

    /// <summary>The factor that TorchSharp's shorter overloads of <c>add</c> would make anew on every call.</summary>
    public static Scalar One { get; } = Kept(1);

#pragma warning disable RS0030 // The one place where numbers become Scalars.
    /// <summary>
    /// A number for one call: <c>x.mul(Scalars.Of(0.5))</c>. Not to be stored; it is freed after 63 more on the same thread.
    /// </summary>
    public static Scalar Of(double value) => Hold(Kept(value));

    /// <inheritdoc cref="Of(double)"/>
    public static Scalar Of(long value) => Hold(Kept(value));

    /// <inheritdoc cref="Of(double)"/>
    public static Scalar Of(bool value) => Hold(value.ToScalar());

    /// <summary>A number that the caller stores, such as a constant in a static field.</summary>
    public static Scalar Kept(double value) => value.ToScalar();

    /// <inheritdoc cref="Kept(double)"/>
    public static Scalar Kept(long value) => value.ToScalar();

#pragma warning restore RS0030

    private static Scalar Hold(Scalar scalar)
    {
        var held = _held ??= new Scalar?[Held];
        held[_next]?.Dispose();
        held[_next] = scalar;
        _next = (_next + 1) % Held;
        return scalar;
    }
}

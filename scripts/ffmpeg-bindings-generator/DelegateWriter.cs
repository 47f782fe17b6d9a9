namespace StreamDiff.BindingsGenerator;

/// <summary>A callback's delegate, and the struct that stands for it wherever C has the function pointer.</summary>
internal static class DelegateWriter
{
    public static string Write(string name, string signature) =>
        "[UnmanagedFunctionPointer(CallingConvention.Cdecl)]\n"
        + $"public unsafe delegate {signature};\n\n"
        + $"public unsafe struct {name}_func\n{{\n    public IntPtr Pointer;\n"
        + $"    public static implicit operator {name}_func({name} func) => new {name}_func {{ Pointer = func == null ? IntPtr.Zero : Marshal.GetFunctionPointerForDelegate(func) }};\n}}\n\n";
}
